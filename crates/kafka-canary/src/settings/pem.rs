//! Certificates and keys, given as PEM text or as a path to it, the way strimzi-canary took them. They are parsed once
//! here, so that a wrong one ends the program at the start with its variable's name; the text is what clients get.

use openssl::pkey::PKey;
use openssl::x509::X509;

use super::environment::Given;
use super::variables::Variable;

/// One certificate or more; none when the variable is empty or wrong.
pub(super) fn certificates(given: &mut Given, variable: &Variable) -> Option<String> {
    let text = text(given, variable)?;
    match X509::stack_from_pem(text.as_bytes()) {
        Ok(certificates) if !certificates.is_empty() => Some(text),
        _ => {
            given.refuse(variable, "holds no certificate; write PEM, or the path of a PEM file");
            None
        }
    }
}

/// A private key without a password; none when the variable is empty or wrong.
pub(super) fn key(given: &mut Given, variable: &Variable) -> Option<String> {
    let text = text(given, variable)?;
    // The callback stands in for a terminal that would be asked: an encrypted key is refused instead.
    match PKey::private_key_from_pem_callback(text.as_bytes(), |_| Ok(0)) {
        Ok(_) => Some(text),
        Err(_) => {
            given.refuse(variable, "holds no private key, or an encrypted one; write PEM without a password, or its path");
            None
        }
    }
}

/// Whether the key is that of the first certificate.
pub(super) fn belong_together(certificates: &str, key: &str) -> bool {
    let leaf = X509::stack_from_pem(certificates.as_bytes())
        .ok()
        .and_then(|stack| stack.into_iter().next());
    let public = leaf.and_then(|leaf| leaf.public_key().ok());
    let private = PKey::private_key_from_pem(key.as_bytes()).ok();
    public.zip(private).is_some_and(|(public, private)| public.public_eq(&private))
}

fn text(given: &mut Given, variable: &Variable) -> Option<String> {
    let value = given.text(variable)?;
    if value.contains("-----BEGIN ") {
        return Some(value.to_owned());
    }
    match std::fs::read_to_string(value) {
        Ok(text) => Some(text),
        Err(error) => {
            given.refuse(variable, format!("is neither PEM nor a file that can be read ({error})"));
            None
        }
    }
}
