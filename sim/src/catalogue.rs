//! Published cards and models.
