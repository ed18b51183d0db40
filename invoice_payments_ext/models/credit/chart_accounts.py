"""The account of each chart that keeps the credit of customers.

The ids are those of Odoo's localisations, without the module and the company. A chart
that builds on another one (`es_pymes` on `es_common`) has the account of that one.
"""

import re
from collections import Counter

# The chart's own account of advances that customers paid, a current liability.
CUSTOMER_ADVANCES = {
    "ar_base": "base_anticipos_de_clientes",
    "at": "chart_at_template_3202",
    "au": "au_21600",
    "ch": "ch_coa_2030",
    "cn_common": "l10n_cn_common_account_2203",
    "co": "co_puc_280500",
    "cy": "cy_2150",
    "cz": "chart_cz_324000",
    "de_skr03": "account_1710",
    "de_skr04": "chart_skr04_3250",
    "dk": "dk_coa_7410",
    "dz": "l10n_dz_419",
    "ee": "l10n_ee_20140",
    "es_common": "account_common_438",
    "fi": "account_2861",
    "gr": "l10n_gr_30_01_03",
    "gt": "cta230101",
    "hk": "l10n_hk_2212",
    "hn": "cta230101",
    "hu": "l10n_hu_453",
    "id": "l10n_id_28110020",
    "ie": "l10n_ie_account_33",
    "il": "il_account_111650",
    "it": "2530",
    "jp": "l10n_jp_330400",
    "kr": "l10n_kr_216001",
    "kz": "kz3510",
    "lt": "account_account_template_4420",
    "lu": "lu_2011_account_431",
    "lv": "a5210",
    "mx": "cuenta206_01",
    "my": "l10n_my_2212",
    "no": "chart2900",
    "nz": "nz_21600",
    "ph": "l10n_ph_account_200202",
    "pl": "chart20000300",
    "ro": "pcg_419",
    "rs": "rs_430",
    "se": "a2420",
    "sk": "chart_sk_324000",
    "syscohada": "pcg_4191",
    "tr": "tr340",
    "ua_psbo": "ua_psbp_6811",
    "uy": "uy_code_21301",
}
# Where the chart has none that can be taken, the account after which one is made: its
# own account of advances, if that has another type (a receivable or payable would be
# matched with invoices) or Odoo books something else on it, such as down payments of
# sales orders; else an account of the same class.
NEIGHBOURS = {
    "ae": "uae_account_201003",
    "bd": "l10n_bd_200104",
    "be": "a46",
    "bg": "l10n_bg_412",
    "bh": "bh_account_200104",
    "bo": "l10n_bo_215",
    "br": "account_template_201010501",
    "ca_2023": "l10n_ca_298000",
    "cl": "account_210220",
    "cr": "account_account_template_0_211004",
    "do": "l10n_do_22030100",
    "ec": "ec2110",
    "eg": "egy_account_201003",
    "et": "l10n_et3054",
    "fr": "pcg_4191",
    "generic_coa": "deferred_revenue",
    "hr": "hr_225000",
    "hr_kuna": "kp_rrif2251",
    "in": "p11245",
    "iq": "iq_account_200104",
    "jo_standard": "jo_account_200104",
    "ke": "ke2102",
    "kh": "l10n_kh_account_20500",
    "kw": "kw_account_200104",
    "lb": "lb_account_419101",
    "lk": "l10n_lk_account_220200",
    "ma": "pcg_4421",
    "mn": "account_template_3201_0101",
    "mr": "mr_4190",
    "mt": "mt_3400",
    "mu": "mu_current_liabilities",
    "mz": "l10n_mz_account_419",
    "ng": "l10n_ng_deferred_revenue",
    "nl": "1490",
    "om": "om_account_200104",
    "pa": "212",
    "pe": "chart122",
    "pk": "l10n_pk_2221002",
    "pt": "chart_218",
    "qa": "qa_account_200104",
    "rw": "rw_342",
    "sa": "sa_account_201003",
    "sg": "account_account_768",
    "si": "gd_acc_230000",
    "syscebnl": "syscebnl_419",
    "th": "l10n_th_account_212400",
    "tn": "l10n_tn_4191",
    "tw": "l10n_tw_account_2141",
    "tz": "tz_342",
    "ug": "411724",
    "uk": "210200",
    "us": "account_account_us_deferred_revenue",
    "ve": "account_activa_account_2175020",
    "vn": "chart33871",
    "za": "200030",
    "zm": "zm_account_9900000",
}
# The code of the new account where the next one after the neighbour would make it a
# part of that one, or of the trade payables: a class that the chart leaves free.
# Costa Rica: 0.213, after payables (0.211) and taxes (0.212). Ethiopia: 3055, after
# other deposits. India: 11246, after the last of the other current liabilities, which
# Schedule III of the Companies Act has advances from customers among.
# Pakistan and Zambia take the next code: advances stand among trade and other payables
# (Companies Act 2017, Fourth Schedule), and beside the deferred income.
NEW_CODES = {
    "cr": "0.213001",
    "et": "305500",
    "in": "112460",
}
# Discounts that are granted, where Odoo's setting for them has discounts that are
# obtained, or something else, such as the discounting of bills (SKR03), the cost of
# sales (Greece), differences of money (Latvia) or interest (Vietnam).
GRANTED_DISCOUNTS = {
    "at": "chart_at_template_7990",
    "bo": "l10n_bo_4102",
    "de_skr03": "account_8730",
    "dk": "dk_coa_1210",
    "es_common": "account_common_7060",
    "fi": "account_3500",
    "gr": "l10n_gr_70_01_03",
    "it": "3111",
    "lv": "a6410",
    "nl": "8065",
    "no": "chart3281",
    "ro": "pcg_667",
    "sk": "chart_sk_548000",
    "syscebnl": "syscebnl_673",
    "syscohada": "pcg_673",
    "tn": "l10n_tn_654",
    "vn": "chart5211",
}
# Charts whose codes get longer with each level: the next code is another class.
WITH_SUB_ACCOUNTS = {"ec"}


def get_code_after(code, taken, is_sub_account=False):
    """Return the first free code after another one.

    :param str code: The code of the neighbour.
    :param set[str] taken: The codes that there are.
    :param bool is_sub_account: Whether it gets two more digits.
    :return: The code; an empty text if none of these is free.
    :rtype: str
    """
    if is_sub_account:
        code += "00"
    digits = re.search(r"\d*$", code).group()
    stem = code[: len(code) - len(digits)]
    for number in range(int(digits or 0) + 1, 10 ** len(digits)):
        candidate = f"{stem}{number:0{len(digits)}}"
        # No code of another level, such as `2112` where there is `211201`.
        if not any(each.startswith(candidate) for each in taken):
            return candidate
    return ""


def get_new_code(charts, neighbour_code, taken, new_codes):
    """Return the code of the new account that stands after a neighbour.

    :param iterable[str] charts: The chart, and those that it builds on.
    :param str neighbour_code: See :func:`get_code_after`.
    :param set[str] taken: The codes that there are.
    :param dict new_codes: The code of the account, by the chart; most have none.
    :return: The code; an empty text if none is free.
    :rtype: str
    """
    charts = list(charts)
    own = next((new_codes[chart] for chart in charts if chart in new_codes), "")
    if own and own not in taken:
        return own
    is_sub_account = not WITH_SUB_ACCOUNTS.isdisjoint(charts)
    return get_code_after(neighbour_code, taken, is_sub_account)


def get_fallback_code(liability_codes, taken, group_prefixes):
    """Return a free code among the current liabilities that no group of them owns.

    It is for a chart that is not in the tables.

    :param iterable[str] liability_codes: The codes of the current liabilities.
    :param set[str] taken: The codes that there are.
    :param iterable[str] group_prefixes: How the codes of the account groups begin.
    :rtype: str
    """
    liability_codes = list(liability_codes) or ["200000"]
    [(first, _count)] = Counter(code[:1] for code in liability_codes).most_common(1)
    [(length, _count)] = Counter(map(len, liability_codes)).most_common(1)
    narrow = [prefix for prefix in group_prefixes if len(prefix) > 1]
    candidates = [f"{first}{number:02}" for number in reversed(range(100))]
    free = [
        prefix
        for prefix in candidates
        if not any(code.startswith(prefix) for code in taken)
    ]
    without_group = [
        prefix
        for prefix in free
        if not any(
            prefix.startswith(group) or group.startswith(prefix) for group in narrow
        )
    ]
    return next(iter(without_group or free or candidates)).ljust(max(length, 4), "0")
