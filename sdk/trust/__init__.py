"""When a count is to be trusted: an interval that holds the true number, and a state with its reasons.

`CrowdCounter` gives both with every result; see `sdk.result.CountResult`.
"""
