"""One invoice on its timeline: charges, mails, events and the end."""

from odoo.tests import tagged

from .common_collection import CollectionCommon


@tagged("post_install", "-at_install")
class TestCollection(CollectionCommon):
    def test_issue_starts_it_and_calls_no_gateway(self):
        self.assertEqual(self.row.state, "running")
        self.assertEqual(self.row.next_at, self.now)
        self.assertEqual(self.gateway.requests, [])
        attempt = self.run_at()
        self.assertEqual(attempt.outcome, "succeeded")
        self.assertTrue(attempt.is_automatic)
        self.assertEqual(attempt.collection_id, self.row)
        self.assertEqual((self.row.state, self.row.next_at), ("done", False))
        self.assertFalse(self.run_at(days=5), "Nothing is done any more.")
        self.assertEqual(len(self.gateway.requests), 1)
