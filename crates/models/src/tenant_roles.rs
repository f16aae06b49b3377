//! The roles of row-level security, and whether the service can work in them.

use sqlx::postgres::PgConnection;

use crate::error::StoreError;

/// The role that sees every tenant's rows.
pub(crate) const ENGINE_ROLE: &str = "callbacks_engine";
/// The role that sees the rows of the tenant its transaction names.
pub(crate) const TENANT_ROLE: &str = "callbacks_api";

/// Checks that the connected user may take both roles, that the owner of the tables sees their rows, and that the roles
/// do not pass policies. Warns of users of other databases of this cluster who could read this one.
///
/// # Errors
/// `Unsuitable` with what an administrator is to do.
pub(crate) async fn check_roles(connection: &mut PgConnection) -> Result<(), StoreError> {
    let roles = sqlx::query!(
        r#"
        SELECT wanted.role AS "role!", session_user::text AS "connected!", current_user::text AS "owner!",
               r.oid IS NOT NULL AND pg_has_role(session_user, r.oid, 'MEMBER') AS "taken!",
               r.oid IS NOT NULL AND pg_has_role(current_user, r.oid, 'USAGE') AS "inherited!",
               coalesce(r.rolsuper OR r.rolbypassrls, false) AS "passes_policies!"
        FROM UNNEST($1::text[]) AS wanted(role) LEFT JOIN pg_roles r ON r.rolname = wanted.role
        "#,
        &[ENGINE_ROLE, TENANT_ROLE] as &[&str],
    )
    .fetch_all(&mut *connection)
    .await?;
    for row in roles {
        let (role, user, owner) = (&row.role, &row.connected, &row.owner);
        if row.passes_policies {
            return Err(StoreError::Unsuitable(format!(
                "the role {role} passes row-level security; have an administrator run: \
                 ALTER ROLE {role} NOSUPERUSER NOBYPASSRLS;"
            )));
        }
        if !row.taken || !row.inherited {
            let member = if row.taken { owner } else { user };
            return Err(StoreError::Unsuitable(format!(
                "the user {member} may not use the role {role}; have an administrator run: \
                 CREATE ROLE {role} NOLOGIN; (where it is missing) ALTER ROLE \"{member}\" INHERIT; \
                 GRANT {role} TO \"{member}\";"
            )));
        }
    }
    warn_of_neighbours(connection).await
}

/// Roles belong to the whole cluster, so another installation's user is a member too.
async fn warn_of_neighbours(connection: &mut PgConnection) -> Result<(), StoreError> {
    let neighbours = sqlx::query_scalar!(
        r#"
        SELECT DISTINCT m.rolname::text AS "name!"
        FROM pg_auth_members a JOIN pg_roles r ON r.oid = a.roleid JOIN pg_roles m ON m.oid = a.member
        WHERE r.rolname = ANY ($1) AND m.rolcanlogin AND NOT m.rolsuper
          AND m.rolname <> session_user AND m.rolname <> current_user
          AND pg_has_role(m.oid, r.oid, 'USAGE') AND has_database_privilege(m.oid, current_database(), 'CONNECT')
        "#,
        &[ENGINE_ROLE, TENANT_ROLE] as &[&str],
    )
    .fetch_all(connection)
    .await?;
    if !neighbours.is_empty() {
        tracing::warn!(
            "other users of this database cluster may read every tenant's rows here: {}. If they are another \
             installation's, run REVOKE CONNECT ON DATABASE … FROM PUBLIC and grant CONNECT to this one's user only",
            neighbours.join(", ")
        );
    }
    Ok(())
}
