"""The tables that people query: those of the contract, and every column that system 4 had, under GitHub's name."""

from __future__ import annotations

import pytest

from hubwright.store.schema import metadata

CONTRACT = (
    "gh_user gh_organization gh_repository gh_user_repository gh_branch gh_commit gh_pull_request gh_pull_request_file"
    " gh_issue gh_issue_comment gh_label gh_issue_label gh_milestone gh_review gh_review_comment gh_commit_comment"
    " gh_release gh_status gh_check_suite gh_check_run gh_team gh_team_member gh_organization_member gh_hook"
    " gh_hook_delivery"
)

SYSTEM_4 = {
    "gh_user": "id login site_admin name company blog location email hireable bio public_repos public_gists followers"
    " following created_at updated_at",
    "gh_repository": "id name owner_id owner_login organization_id organization_login private description fork"
    " created_at updated_at pushed_at homepage size stargazers_count watchers_count language has_issues"
    " has_downloads has_wiki has_pages forks_count open_issues_count default_branch full_name",
    "gh_user_repository": "user_id repository_id pull push admin",
    "gh_hook": "id repository_id name url config events active last_response created_at updated_at",
    "gh_milestone": "id repository_id number state title description creator_id creator_login open_issues closed_issues"
    " created_at updated_at closed_at due_on",
    "gh_pull_request": "id number state locked user_id user_login title body created_at updated_at closed_at merged_at"
    " assignee_id assignee_login repository_id base_ref base_sha head_repository_id head_ref head_sha milestone_number"
    " merged mergeable mergeable_state merged_by_id merged_by_login comments review_comments commits additions"
    " deletions changed_files",
    "gh_pull_request_file": "pull_request_id sha filename status additions deletions changes patch previous_filename",
    "gh_label": "id repository_id name color",
    "gh_issue_label": "issue_id label_id label_name",
    "gh_issue": "id repository_id number state title body user_id user_login assignee_id assignee_login"
    " milestone_number comments created_at updated_at closed_at closed_by_id closed_by_login",
}
"""Its columns by the names of GitHub's fields (`comments_count` was `comments`, `due_at` was `due_on`)."""


@pytest.mark.parametrize("name", CONTRACT.split())
def test_each_table_of_the_contract_tells_how_fresh_it_is(name: str) -> None:
    told = {"last_replicated_via_webhook_at", "last_replicated_via_api_at", "last_replicated_at", "deleted_at", "raw"}
    assert told <= set(metadata.tables[name].c.keys())


@pytest.mark.parametrize("name", SYSTEM_4)
def test_no_column_of_system_4_is_missing(name: str) -> None:
    assert set(SYSTEM_4[name].split()) - set(metadata.tables[name].c.keys()) == set()
