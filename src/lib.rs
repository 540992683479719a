//! Harpoon.
