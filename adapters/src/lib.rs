//! The outside world behind the connector contract: live HTTP and its wire types.
