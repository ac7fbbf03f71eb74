"""Who may write to a repository, asked of GitHub at the moment when it matters; nothing is remembered."""

from __future__ import annotations

from hubwright.domain.repos import Repository
from hubwright.errors import GitHubRefusedError
from hubwright.github.client import GitHubClient
from hubwright.github.requests import form_path

_WRITERS = frozenset({"admin", "write"})  # `maintain` is told as write


def find_refusal(client: GitHubClient, repository: Repository, login: str, user_id: int | None) -> str | None:
    """Why this user may not write; None when they may. The login finds them, GitHub's number identifies them.

    Where nobody knows the number (None) the login has to do.

    Raises GitHubError when GitHub gives no answer.
    https://docs.github.com/en/rest/collaborators/collaborators#get-repository-permissions-for-a-user
    """
    path = form_path("repos", repository.owner, repository.name, "collaborators", login, "permission")
    try:
        found = client.get(path, owner=repository.owner).json
    except GitHubRefusedError as error:
        return f"it is not known that {login} may write to {repository.full_name}: {error}"
    user = found.get("user") if isinstance(found, dict) else None
    if not isinstance(user, dict) or (user_id is not None and user.get("id") != user_id):
        return f"{login} is not GitHub user {user_id} by now"
    if found.get("permission") not in _WRITERS:
        return f"{login} may not write to {repository.full_name}"
    return None
