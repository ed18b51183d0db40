"""The gateway's list is held against the books, over its own protocol."""

pytest_plugins = ["lib.fixtures"]


def find_differences(world, provider_id, known=()):
    """Check the provider, and return the differences that were not known before.

    Other tests of this world may have left attempts for a person to resolve.
    """
    state, findings = world.tie_out_with_provider(provider_id)
    assert state == "done"
    return [row for row in findings if row["reference"] not in known]


def test_difference_is_found_until_it_is_resolved(world):
    """Charged at the gateway, unknown here; a refund there that was told."""
    provider_id = world.facts["provider_id"]
    known = {row["reference"] for row in find_differences(world, provider_id)}
    paid_id = world.charge(*world.make_case())
    refund = world.get_attempt(paid_id)["reference"]
    world.gateway.refund_in_dashboard(refund, 30)
    world.run_resolver()
    assert not find_differences(world, provider_id, known)
    attempt_id = world.charge(*world.make_case("tok_error_after"))
    assert world.get_attempt(attempt_id)["outcome"] == "unknown"
    [finding] = find_differences(world, provider_id, known)
    assert finding["kind"] == "state"
    assert finding["transaction_id"] == attempt_id
    assert (float(finding["moved"]), float(finding["booked"])) == (100, 0)
    world.run_resolver()
    assert not find_differences(world, provider_id, known)
