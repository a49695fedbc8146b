//! Integration tests: each starts a real nginx with the module, the stand-in authentik and an application.
