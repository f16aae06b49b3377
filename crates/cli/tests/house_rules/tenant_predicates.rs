//! Every statement that works for a tenant holds each table it touches to that tenant: by comparing `tenant_id`, or by
//! joining a row that is held already by its id. Row-level security says the same again; this is the first wall.
//!
//! The last test takes each comparison out of each statement, one at a time, and expects the rule to notice.

use std::collections::BTreeSet;
use std::fs;

use callbacks_testkit::hostile_corpus::{Section, entries};

use crate::source_text::{code_and_literals, functions};
use crate::sql_text::{tenant_comparisons, unscoped, words};
use crate::{expect_none, root};

/// Tables with tenants' rows: those that migrations protect, and `tenants` itself.
fn owned_tables() -> Vec<String> {
    let mut tables: Vec<String> = fs::read_dir(root().join("migrations"))
        .expect("the folder is there")
        .filter_map(|entry| fs::read_to_string(entry.expect("an entry").path()).ok())
        .flat_map(|text| {
            let calls = text.split("protect_tenant_rows('").skip(1);
            calls.filter_map(|rest| rest.split('\'').next().map(str::to_owned)).collect::<Vec<_>>()
        })
        .filter(|name| name != "its_name")
        .collect();
    tables.sort();
    tables
}

/// A statement of the models, and where it stands.
struct Statement {
    place: String,
    /// Whether its function is told which tenant it works for.
    for_a_tenant: bool,
    across_tenants: bool,
    words: Vec<String>,
}

fn statements() -> Vec<Statement> {
    let models = root().join("crates/models");
    let mut found = Vec::new();
    for entry in fs::read_dir(models.join("src")).expect("the folder is there") {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        let text = fs::read_to_string(&path).expect("UTF-8 text");
        let (code, literals) = code_and_literals(text.split("#[cfg(test)]").next().unwrap_or_default());
        let functions = functions(&code);
        for (at, literal) in literals.iter().filter(|(_, literal)| !literal.starts_with('/')) {
            let inner = literal.trim_start_matches(['r', '#', '"']).trim_end_matches(['#', '"']);
            let is_file = inner.ends_with(".sql");
            let sql =
                if is_file { fs::read_to_string(models.join(inner)).expect(inner) } else { inner.to_owned() };
            let words = words(&sql);
            if !words.first().is_some_and(|first| {
                ["select", "with", "insert", "update", "delete"].contains(&first.as_str())
            }) {
                continue;
            }
            let function = functions.iter().rfind(|one| one.span.contains(at));
            let (name, head) = function.map_or(("", ""), |one| {
                let whole = &code[one.span.clone()];
                (one.name.as_str(), whole.split('{').next().unwrap_or_default())
            });
            let file = path.file_name().unwrap_or_default().to_string_lossy();
            found.push(Statement {
                place: format!("{file}: {name}"),
                for_a_tenant: head.contains("enant") || head.contains("scope"),
                across_tenants: name.ends_with("_across_tenants"),
                words,
            });
        }
    }
    found
}

/// Tables that a statement does not hold to a tenant, and should.
fn free(place: &str, words: &[String], tables: &[String]) -> Vec<String> {
    let tables: Vec<&str> = tables.iter().map(String::as_str).collect();
    let mut free = unscoped(words, &tables);
    free.retain(|table| (place, table.as_str()) != OF_AN_OPERATOR);
    free
}

/// Functions whose work is every tenant's, and which no tenant's request reaches: delivery, recovery, the brokers' side, keys,
/// which operators alone make. All others that are told no tenant say so in their name, `…_across_tenants`.
const OF_THE_ENGINE: [&str; 16] = [
    "api_keys.rs: get",
    "api_keys.rs: revoke",
    "delivery_queue.rs: claim",
    "delivery_queue.rs: due_lanes",
    "delivery_queue.rs: release",
    "delivery_queue.rs: release_all_but",
    "delivery_queue.rs: stats",
    "orphaned_deliveries.rs: skip",
    "outbox.rs: settle",
    "recovery.rs: queue_what_is_owed",
    "recovery.rs: take_over",
    "replays.rs: queue_page",
    "settlement.rs: write",
    "subscription_consumers.rs: count_messages",
    "subscription_consumers.rs: report",
    "subscription_consumers.rs: withdraw",
];
/// The list of tenants is read where there is none to be held to: for an operator.
const OF_AN_OPERATOR: (&str, &str) = ("events.rs: find", "directory_versions");
/// Comparisons that hold what an id holds already; taking one out changes no result.
const HELD_TWICE: [(&str, &str); 2] = [
    ("configuration_status.rs: reactivate", "c.tenant_id = $1"),
    ("replays.rs: estimate", "e.tenant_id = x.tenant_id"),
];
/// As many comparisons there are at least; fewer, and the walk has lost sight of some.
const COMPARISONS_MIN: usize = 80;

#[test]
fn every_statement_is_held_to_its_tenant() {
    let tables = owned_tables();
    assert!(tables.len() >= 20, "{tables:?}");
    let mut offences = Vec::new();
    let mut of_the_engine = BTreeSet::new();
    for statement in statements() {
        let free = free(&statement.place, &statement.words, &tables);
        if free.is_empty() || statement.across_tenants {
            continue;
        }
        if OF_THE_ENGINE.contains(&statement.place.as_str()) && !statement.for_a_tenant {
            of_the_engine.insert(statement.place);
        } else {
            offences.push(format!("{}: {}", statement.place, free.join(", ")));
        }
    }
    expect_none("tables whose rows a statement takes from every tenant; compare tenant_id", &offences);
    let stale: Vec<String> = OF_THE_ENGINE
        .iter()
        .filter(|place| !of_the_engine.contains(**place))
        .map(ToString::to_string)
        .collect();
    expect_none("functions that need no exception any more", &stale);
}

#[test]
fn no_comparison_of_tenants_can_be_taken_out_unnoticed() {
    let tables = owned_tables();
    let (mut taken_out, mut unnoticed) = (0, Vec::new());
    for statement in statements().into_iter().filter(|one| one.for_a_tenant && !one.across_tenants) {
        for (first, last) in tenant_comparisons(&statement.words) {
            let comparison = statement.words[first..=last].join(" ");
            let mut mutant = statement.words.clone();
            mutant.splice(first..=last, ["true".to_owned()]);
            taken_out += 1;
            let noticed = !free(&statement.place, &mutant, &tables).is_empty();
            let twice = HELD_TWICE.contains(&(statement.place.as_str(), comparison.as_str()));
            if noticed == twice {
                unnoticed.push(format!("{}: {comparison}", statement.place));
            }
        }
    }
    assert!(taken_out >= COMPARISONS_MIN, "only {taken_out}");
    expect_none("comparisons that can be taken out, or need no exception", &unnoticed);
    let entry = entries("tenancy").into_iter().find(|entry| entry.id == "TN-036").expect("is listed");
    let mut section = Section::new("tenancy", file!());
    section.record(
        &entry,
        "each comparison of tenant_id in each statement is taken out in turn, and the rule of the house that wants every table held to its tenant notices (but for two rows that an id holds as well); what the policies alone let through is 0 foreign rows in every table, read, changed or deleted",
    );
    section.finish();
}

#[test]
fn what_holds_a_table_and_what_does_not() {
    let owned = ["c", "s", "tenants"];
    let held = |sql: &str| unscoped(&words(sql), &owned);
    let nothing: [&str; 0] = [];
    for sql in [
        "SELECT * FROM c WHERE id = $1 AND tenant_id = $2",
        "SELECT * FROM c x LEFT JOIN s y ON y.c_id = x.id WHERE ($2::text IS NULL OR x.tenant_id = $2)",
        "SELECT * FROM c WHERE tenant_id = ANY ($1::text[])",
        "WITH one AS (SELECT id FROM c WHERE tenant_id = $1) DELETE FROM s USING one WHERE s.c_id = one.id",
        "SELECT * FROM c x WHERE x.tenant_id = $1 AND EXISTS (SELECT FROM s WHERE s.c_id = x.id)",
        "INSERT INTO c (tenant_id) VALUES ($1) ON CONFLICT (tenant_id) DO UPDATE SET n = 1",
        "UPDATE tenants SET active = false WHERE id = $1",
    ] {
        assert_eq!(held(sql), nothing, "{sql}");
    }
    for (sql, free) in [
        ("SELECT * FROM c WHERE id = $1", "c"),
        ("SELECT tenant_id FROM c -- WHERE tenant_id = $1", "c"),
        ("SELECT * FROM c x JOIN s y ON true WHERE x.tenant_id = $1", "s"),
        ("SELECT * FROM c x LEFT JOIN s y ON y.c_id = x.id AND y.tenant_id = $1 WHERE x.n = 1", "c"),
        ("SELECT * FROM c WHERE tenant_id = $1 UNION ALL SELECT * FROM s", "s"),
        ("DELETE FROM c WHERE id IN (SELECT c_id FROM s WHERE tenant_id = $1)", "c"),
        ("WITH one AS (SELECT id FROM c) SELECT 1", "c"),
        ("UPDATE c SET tenant_id = $1 WHERE id = $2", "c"),
    ] {
        assert_eq!(held(sql), [free], "{sql}");
    }
}
