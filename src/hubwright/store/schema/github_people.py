"""The copy of GitHub: accounts, who belongs where, hooks and installations."""

from __future__ import annotations

from sqlalchemy import Column, Float, Index, func

from hubwright.store.schema.github_columns import (
    counts,
    documents,
    flags,
    ids,
    keys,
    numbered,
    person,
    replica,
    texts,
    times,
)

gh_user = replica(
    "gh_user",
    numbered(),
    texts("login", "type", "name", "company", "blog", "location", "email", "bio", "twitter_username"),
    flags("site_admin", "hireable"),
    counts("public_repos", "public_gists", "followers", "following"),
    texts("avatar_url", "html_url"),
    times("created_at", "updated_at"),
)
Index("ix_gh_user_login", func.lower(gh_user.c.login))

gh_organization = replica(
    "gh_organization",
    numbered(),
    texts("login", "name", "description", "company", "blog", "location", "email", "twitter_username"),
    flags("is_verified"),
    counts("public_repos", "public_gists", "followers", "following"),
    texts("avatar_url", "html_url"),
    times("created_at", "updated_at", "archived_at"),
)
Index("ix_gh_organization_login", func.lower(gh_organization.c.login))

gh_user_repository = replica(
    "gh_user_repository",
    keys("user_id", "repository_id"),
    texts("user_login", "permission", "role_name"),
    flags("admin", "maintain", "push", "triage", "pull"),
)
Index("ix_gh_user_repository_repository_id", gh_user_repository.c.repository_id)

gh_star = replica("gh_star", keys("user_id", "repository_id"), texts("user_login"), times("starred_at"))
Index("ix_gh_star_repository_id", gh_star.c.repository_id)

gh_team = replica(
    "gh_team",
    numbered(),
    person("organization"),
    ids("parent_id"),
    texts("name", "slug", "description", "privacy", "permission", "notification_setting", "html_url"),
    counts("members_count", "repos_count"),
    times("created_at", "updated_at"),
)

gh_team_member = replica("gh_team_member", keys("team_id", "user_id"), texts("user_login", "role", "state"))

gh_team_repository = replica("gh_team_repository", keys("team_id", "repository_id"), texts("permission", "role_name"))

gh_organization_member = replica(
    "gh_organization_member", keys("organization_id", "user_id"), texts("user_login", "role", "state")
)

gh_hook = replica(
    "gh_hook",
    numbered(),
    ids("repository_id", "organization_id", "app_id"),
    texts("type", "name", "url"),
    flags("active"),
    documents("events", "config", "last_response"),
    times("created_at", "updated_at"),
)
Index("ix_gh_hook_repository_id", gh_hook.c.repository_id)
Index("ix_gh_hook_organization_id", gh_hook.c.organization_id)

gh_hook_delivery = replica(
    "gh_hook_delivery",
    numbered(),
    ids("hook_id", "repository_id", "installation_id"),
    texts("guid", "event", "action", "status"),
    counts("status_code"),
    [Column("duration", Float)],
    flags("redelivery"),
    times("delivered_at", "throttled_at"),
)
Index("ix_gh_hook_delivery_delivered_at", gh_hook_delivery.c.hook_id, gh_hook_delivery.c.delivered_at)
Index("ix_gh_hook_delivery_guid", gh_hook_delivery.c.guid)

gh_installation = replica(
    "gh_installation",
    numbered(),
    ids("app_id", "target_id"),
    person("account", "suspended_by"),
    texts("app_slug", "target_type", "repository_selection", "html_url"),
    documents("permissions", "events"),
    times("created_at", "updated_at", "suspended_at"),
)

gh_installation_repository = replica(
    "gh_installation_repository", keys("installation_id", "repository_id"), texts("full_name")
)
Index("ix_gh_installation_repository_repository_id", gh_installation_repository.c.repository_id)
