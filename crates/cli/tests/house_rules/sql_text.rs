//! Just enough understanding of SQL to see which tables a statement reads, and what holds their rows to a tenant.

use std::collections::BTreeMap;

/// A piece of SQL: words in lower case, a name with its qualifier being one word; parentheses are groups.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Node {
    Word(String),
    Group(Vec<Node>),
}

/// Words that cannot be a table's alias.
const KEYWORDS: [&str; 26] = [
    "where",
    "on",
    "join",
    "left",
    "inner",
    "cross",
    "set",
    "using",
    "group",
    "order",
    "limit",
    "for",
    "returning",
    "select",
    "values",
    "union",
    "lateral",
    "as",
    "do",
    "when",
    "then",
    "and",
    "or",
    "offset",
    "full",
    "right",
];
const QUERIES: [&str; 5] = ["select", "with", "insert", "update", "delete"];

/// The words of a statement, without comments, casts and the inside of texts.
pub(crate) fn words(sql: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut rest = sql;
    while let Some(first) = rest.chars().next() {
        let word = |c: char| c.is_alphanumeric() || "_.$".contains(c);
        let length = if rest.starts_with("--") {
            rest.find('\n').unwrap_or(rest.len())
        } else if first == '\'' || first == '"' {
            let quoted = rest[1..].find(first).map_or(rest.len(), |end| end + 2);
            found.push("''".to_owned());
            quoted
        } else if let Some(cast) = rest.strip_prefix("::") {
            2 + cast.find(|c| !word(c) && c != '[' && c != ']').unwrap_or(cast.len())
        } else if word(first) {
            let length = rest.find(|c| !word(c)).unwrap_or(rest.len());
            found.push(rest[..length].to_lowercase());
            length
        } else {
            if !first.is_whitespace() {
                found.push(first.to_string());
            }
            first.len_utf8()
        };
        rest = &rest[length..];
    }
    found
}

/// Where a tenant is compared: the places of each comparison's first and last word.
pub(crate) fn tenant_comparisons(words: &[String]) -> Vec<(usize, usize)> {
    let is_tenant = |at: usize| words.get(at).is_some_and(|word| column_of(word) == "tenant_id");
    let equals = words.iter().enumerate().filter(|(_, word)| *word == "=").map(|(at, _)| at);
    equals
        .filter(|at| *at > 0 && words[at - 1] != "set" && (is_tenant(at - 1) || is_tenant(at + 1)))
        .map(|at| {
            let group = words.get(at + 2).is_some_and(|word| word == "(");
            (at - 1, if group { closing(words, at + 2) } else { at + 1 })
        })
        .collect()
}

fn closing(words: &[String], open: usize) -> usize {
    let mut depth = 0_usize;
    for (at, word) in words.iter().enumerate().skip(open) {
        match word.as_str() {
            "(" => depth += 1,
            ")" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at;
        }
    }
    words.len() - 1
}

/// The tables of `owned` that a statement reads, changes or deletes from without holding their rows to a tenant.
pub(crate) fn unscoped(words: &[String], owned: &[&str]) -> Vec<String> {
    let mut words = words.iter();
    let mut found = Vec::new();
    query(&tree(&mut words), owned, &BTreeMap::new(), &mut BTreeMap::new(), &mut found);
    found
}

fn tree<'a>(words: &mut impl Iterator<Item = &'a String>) -> Vec<Node> {
    let mut nodes = Vec::new();
    while let Some(word) = words.next() {
        match word.as_str() {
            "(" => nodes.push(Node::Group(tree(words))),
            ")" => break,
            _ => nodes.push(Node::Word(word.clone())),
        }
    }
    nodes
}

/// Whose rows a name stands for: held to a tenant already, or not (yet).
type Held = BTreeMap<String, bool>;

/// Looks at a query and those inside it. Answers whether its rows are held to a tenant.
fn query(nodes: &[Node], owned: &[&str], outer: &Held, named: &mut Held, found: &mut Vec<String>) -> bool {
    let arms: Vec<&[Node]> = nodes.split(|node| is_word(node, "union")).collect();
    let mut all = true;
    for arm in arms {
        all &= one_arm(arm, owned, outer, named, found);
    }
    all
}

fn one_arm(nodes: &[Node], owned: &[&str], outer: &Held, named: &mut Held, found: &mut Vec<String>) -> bool {
    // WITH name AS [MATERIALIZED] (query), …: each may name those before it.
    for (at, node) in nodes.iter().enumerate() {
        let Node::Group(inner) = node else { continue };
        if is_query(inner)
            && let Some(name) = common_table(&nodes[..at])
        {
            let held = query(inner, owned, &Held::new(), named, found);
            named.insert(name.to_owned(), held);
        }
    }
    let sources = sources(nodes, owned, named);
    let mut held: Held = outer.clone();
    for source in &sources {
        held.insert(source.alias.clone(), source.held);
    }
    settle(nodes, &sources, &mut held);
    for source in sources.iter().filter(|source| source.owned && !held[&source.alias]) {
        found.push(source.table.clone());
    }
    let mut inner_named = named.clone();
    let mut inside = true;
    for inner in subqueries(nodes) {
        inside &= query(inner, owned, &held, &mut inner_named, found);
    }
    let any_held = sources.iter().any(|source| held[&source.alias]);
    any_held || (sources.is_empty() && inside && !subqueries(nodes).is_empty())
}

/// A table, common table or function that a query draws rows from.
struct Source {
    table: String,
    alias: String,
    owned: bool,
    /// It only gets new rows.
    written: bool,
    held: bool,
}

fn sources(nodes: &[Node], owned: &[&str], named: &Held) -> Vec<Source> {
    let mut sources = Vec::new();
    let mut at = 0;
    while at < nodes.len() {
        let inserted = is_word(&nodes[at], "into");
        if !opens_sources(nodes, at) {
            at += 1;
            continue;
        }
        at += 1;
        loop {
            while nodes.get(at).is_some_and(|node| is_word(node, "lateral") || is_word(node, "only")) {
                at += 1;
            }
            let Some(first) = nodes.get(at) else { break };
            let (table, held) = match first {
                Node::Word(name) => (name.clone(), inserted || named.get(name).copied().unwrap_or(false)),
                Node::Group(inner) => {
                    // Looked at again below, with the names of this query; what is found is found once.
                    let held = query(inner, owned, &Held::new(), &mut named.clone(), &mut Vec::new());
                    (String::new(), held)
                }
            };
            at += 1;
            if !inserted && matches!(nodes.get(at), Some(Node::Group(_))) {
                at += 1; // a function's arguments
            }
            let (alias, next) = alias(nodes, at);
            at = next;
            let is_owned = owned.contains(&table.as_str()) && !inserted;
            sources.push(Source {
                alias: alias.unwrap_or_else(|| table.clone()),
                table,
                owned: is_owned,
                written: inserted,
                held,
            });
            if !nodes.get(at).is_some_and(|node| is_word(node, ",")) || inserted {
                break;
            }
            at += 1;
        }
    }
    sources
}

/// Whether a list of tables begins after this word.
fn opens_sources(nodes: &[Node], at: usize) -> bool {
    let before = at.checked_sub(1).and_then(|before| nodes.get(before));
    let after = |words: &[&str]| before.is_some_and(|node| words.iter().any(|word| is_word(node, word)));
    match &nodes[at] {
        Node::Word(word) => match word.as_str() {
            "from" => !after(&["distinct"]),
            "update" => !after(&["for", "do", "key"]),
            "join" | "using" | "into" => true,
            _ => false,
        },
        Node::Group(_) => false,
    }
}

/// The alias, and where the list goes on.
fn alias(nodes: &[Node], mut at: usize) -> (Option<String>, usize) {
    if nodes.get(at).is_some_and(|node| is_word(node, "as")) {
        at += 1;
    }
    let named = match nodes.get(at) {
        Some(Node::Word(word))
            if !KEYWORDS.contains(&word.as_str())
                && word.starts_with(|c: char| c.is_alphabetic() || c == '_') =>
        {
            Some(word.clone())
        }
        _ => None,
    };
    at += usize::from(named.is_some());
    if named.is_some() && matches!(nodes.get(at), Some(Node::Group(_))) {
        at += 1; // the columns of `AS name(a, b)`
    }
    (named, at)
}

/// Follows comparisons from what is compared with a given tenant to what is joined with it by an id.
fn settle(nodes: &[Node], sources: &[Source], held: &mut Held) {
    let mut read = sources.iter().filter(|source| !source.written);
    let only = read.next().filter(|_| read.next().is_none()).map(|source| source.alias.as_str());
    let owner = |word: &str| match word.rsplit_once('.') {
        Some((alias, _)) => Some(alias.to_owned()),
        None => only.map(str::to_owned),
    };
    let is_tenants = |alias: &str| sources.iter().any(|one| one.alias == alias && one.table == "tenants");
    let is_id = |word: &str| column_of(word) == "id" || column_of(word).ends_with("_id");
    let conditions = conditions(nodes);
    loop {
        let before = held.clone();
        for (restricted, column, other) in &conditions {
            let Some(alias) = owner(column).filter(|alias| held.contains_key(alias)) else { continue };
            if restricted.as_ref().is_some_and(|joined| *joined != alias) {
                continue;
            }
            let tenant =
                column_of(column) == "tenant_id" || (is_tenants(&alias) && column_of(column) == "id");
            let given = other.starts_with('$') || other == "any";
            let holder = owner(other).filter(|other| *other != alias && held.get(other) == Some(&true));
            if (tenant && given) || (is_id(column) && is_id(other) && holder.is_some()) {
                held.insert(alias, true);
            }
        }
        if *held == before {
            return;
        }
    }
}

/// What is compared with what, both ways; and the one table that a comparison can hold, if it belongs to a LEFT JOIN: rows
/// of the others stay whatever it says.
fn conditions(nodes: &[Node]) -> Vec<(Option<String>, String, String)> {
    let mut found = Vec::new();
    let (mut left, mut assigns, mut restricted, mut segment) = (false, false, None, Vec::new());
    for (at, node) in nodes.iter().enumerate() {
        if let Node::Word(word) = node {
            let ends = ["join", "where", "group", "order", "returning", "set", "left", "cross", "from"]
                .contains(&word.as_str());
            if ends {
                let words = std::mem::take(&mut segment);
                pairs(if assigns { &[] } else { &words }, restricted.as_ref(), &mut found);
                assigns = word == "set";
            }
            if word == "join" {
                restricted = left.then(|| joined_alias(nodes, at + 1));
            } else if ends {
                restricted = None;
            }
            left = word == "left" || (left && word == "outer");
        }
        segment.extend(flat(std::slice::from_ref(node)));
    }
    pairs(&segment, restricted.as_ref(), &mut found);
    found
}

fn pairs(words: &[String], restricted: Option<&String>, found: &mut Vec<(Option<String>, String, String)>) {
    for three in words.windows(3).filter(|three| three[1] == "=") {
        found.push((restricted.cloned(), three[0].clone(), three[2].clone()));
        found.push((restricted.cloned(), three[2].clone(), three[0].clone()));
    }
}

fn joined_alias(nodes: &[Node], mut at: usize) -> String {
    at += usize::from(nodes.get(at).is_some_and(|node| is_word(node, "lateral")));
    let table = match nodes.get(at) {
        Some(Node::Word(name)) => name.clone(),
        _ => String::new(),
    };
    at += 1 + usize::from(matches!(nodes.get(at + 1), Some(Node::Group(_))));
    alias(nodes, at).0.unwrap_or(table)
}

/// The words of a query itself, those in parentheses included, those of queries inside it left out.
fn flat(nodes: &[Node]) -> Vec<String> {
    let mut words = Vec::new();
    for node in nodes {
        match node {
            Node::Word(word) => words.push(word.clone()),
            Node::Group(inner) if is_query(inner) => words.push("()".to_owned()),
            Node::Group(inner) => {
                words.push("(".to_owned());
                words.extend(flat(inner));
                words.push(")".to_owned());
            }
        }
    }
    words
}

/// The queries inside a query, common tables left out.
fn subqueries(nodes: &[Node]) -> Vec<&[Node]> {
    let mut found = Vec::new();
    for (at, node) in nodes.iter().enumerate() {
        match node {
            Node::Group(inner) if !is_query(inner) => found.extend(subqueries(inner)),
            Node::Group(inner) if common_table(&nodes[..at]).is_none() => found.push(inner.as_slice()),
            Node::Group(_) | Node::Word(_) => {}
        }
    }
    found
}

/// The name of the common table whose query follows.
fn common_table(before: &[Node]) -> Option<&str> {
    let before = before.strip_suffix(&[Node::Word("materialized".to_owned())]).unwrap_or(before);
    let [.., Node::Word(ahead), Node::Word(name), Node::Word(as_word)] = before else { return None };
    let named = as_word == "as" && ["with", "recursive", ","].contains(&ahead.as_str());
    named.then_some(name)
}

fn is_query(nodes: &[Node]) -> bool {
    match nodes.first() {
        Some(Node::Word(word)) => QUERIES.contains(&word.as_str()),
        // (SELECT …) UNION ALL …
        Some(Node::Group(inner)) => is_query(inner) && nodes.len() > 1 && is_word(&nodes[1], "union"),
        None => false,
    }
}

fn is_word(node: &Node, wanted: &str) -> bool {
    matches!(node, Node::Word(word) if word == wanted)
}

fn column_of(word: &str) -> &str {
    word.rsplit_once('.').map_or(word, |(_, column)| column)
}
