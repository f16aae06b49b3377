//! What deliveries look like on the wire: signatures byte for byte against what the original systems made, whole requests
//! against golden files, and the rules that hold for every profile and scheme.

mod configured;
mod golden;
mod hostile_signatures;
mod receivers;
mod rotation;
mod rules;
mod signature_vectors;
