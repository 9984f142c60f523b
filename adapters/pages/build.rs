//! New files among the templates and assets are part of the program too.

fn main() {
    println!("cargo::rerun-if-changed=static");
    println!("cargo::rerun-if-changed=templates");
}
