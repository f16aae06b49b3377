//! `callbacks apply`: makes the service look as a file says.
//!
//! A file is read (`document`), recognised as this service's own form or another system's (`recognition`, then
//! `own_format`, `pyfly`, `dealix` or `servo`), and becomes one list of wanted resources, each checked by the rules of
//! the API before anything is sent (`validation`). What is wanted is compared with what is there (`comparison`), which
//! gives a `plan`: pure, printable, and empty the second time. Only `carrying_out` talks to the service.
//!
//! Resources are recognised by tenant and name. Members a file does not name are left as they are, and nothing is deleted
//! unless `--prune` says so.

mod carrying_out;
mod command;
mod comparison;
mod dealix;
mod document;
mod imported;
mod own_format;
mod plan;
mod pyfly;
mod recognition;
mod servo;
mod servo_event;
mod validation;
mod wanted;

pub(super) use command::Apply;
#[cfg(test)]
pub(super) use command::tests::check_text;
