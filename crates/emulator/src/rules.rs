//! Rules of the real service.
