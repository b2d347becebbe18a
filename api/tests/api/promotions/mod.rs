//! Releases on their way through the environments, over real HTTP and on the sandbox.
