"""The gateway's list is held against the books, over its own protocol."""

pytest_plugins = ["lib.fixtures"]


def test_difference_is_found_until_it_is_resolved(world):
    """Charged at the gateway, unknown here; a refund there that was told."""
    provider_id = world.facts["provider_id"]
    paid_id = world.charge(*world.make_case())
    refund = world.get_attempt(paid_id)["reference"]
    world.gateway.refund_in_dashboard(refund, 30)
    world.run_resolver()
    assert world.tie_out_with_provider(provider_id) == ("done", [])
    attempt_id = world.charge(*world.make_case("tok_error_after"))
    assert world.get_attempt(attempt_id)["outcome"] == "unknown"
    state, [finding] = world.tie_out_with_provider(provider_id)
    assert state == "done"
    assert finding["kind"] == "state"
    assert finding["transaction_id"] == attempt_id
    assert (float(finding["moved"]), float(finding["booked"])) == (100, 0)
    world.run_resolver()
    assert world.tie_out_with_provider(provider_id) == ("done", [])
