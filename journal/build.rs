//! The migrations are compiled into the crate; a changed one must lead to a new build.

fn main() {
    println!("cargo:rerun-if-changed=../schema/migrations");
}
