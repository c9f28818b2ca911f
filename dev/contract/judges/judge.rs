//! See judge.py. Compiles the example's verify.rs in.

#[path = "../../../docs/examples/verify/rust/src/verify.rs"]
mod verify;

use std::io::BufRead;
use std::time::{Duration, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let fields: Vec<&str> = line.split('\t').collect();
        let now = UNIX_EPOCH + Duration::from_secs(fields[1].parse()?);
        let decoded = |field: usize| STANDARD.decode(fields[field]).unwrap_or_default();
        let headers = [2, 3, 4].map(|field| String::from_utf8_lossy(&decoded(field)).into_owned());
        let header = |name: &str| {
            let names = ["webhook-id", "webhook-timestamp", "webhook-signature"];
            names.iter().position(|known| *known == name).map(|at| headers[at].as_str())
        };
        match verify::verify(fields[0], header, &decoded(5), now) {
            Ok(_) => println!("accept"),
            Err(why) => println!("refuse: {why}"),
        }
    }
    Ok(())
}
