"""What a browser that opens Temporal's page for the first time is given: columns of the list, and saved views.

Temporal's page keeps both in the browser, per namespace, and has no setting for them. So the page that a link opens
puts them where Temporal's page looks for them (`KEPT`), and nowhere where a person has already chosen.
"""

import json
from urllib.parse import quote

from instar.domain.records.upgrades import UpgradeStatus
from instar.domain.sets.names import NAMESPACE, UPGRADE_WORKFLOW, Attribute, WorkflowType

PATH = "/instar/views.js"

COLUMNS = (
    "Status",
    Attribute.PHASE,
    Attribute.SCALE_SET,
    Attribute.TARGET_VERSION,
    "Workflow ID",
    "Start",
    "End",
)

UPGRADES = f'`WorkflowType`="{UPGRADE_WORKFLOW}"'

VIEWS = {
    "Upgrades": UPGRADES,
    "Upgrades: running": f'{UPGRADES} AND `ExecutionStatus`="Running"',
    "Upgrades: parked": f'{UPGRADES} AND `{Attribute.PHASE}`="Parked"',
    "Upgrades: need a person": f'{UPGRADES} AND `{Attribute.PHASE}`="{UpgradeStatus.FAULTED}"',
    "Upgrades: cancelled": f'{UPGRADES} AND `{Attribute.PHASE}`="{UpgradeStatus.CANCELLED}"',
    "Scale sets": f'`WorkflowType`="{WorkflowType.SCALE_SET}"',
}
"""Names and queries, as Temporal's page writes them itself."""

FIRST = f"/namespaces/{NAMESPACE}/workflows?query={quote(UPGRADES)}"
"""Where a link leads: all upgrades, the newest first."""

KEPT = {"columns": "namespace-workflow-table-columns", "views": "saved-workflow-queries"}
"""Names in the browser's storage, as in Temporal's page 2.54."""

EDITION = 1
"""Raised when there are views to be added in browsers that have had an earlier edition."""

OPENED = f"""<!doctype html><html lang="en"><meta charset="utf-8"><title>Instar</title>
<script src="{PATH}"></script>
<p><a href="{FIRST}">Temporal's page</a></p></html>"""


def script() -> str:
    """The script of that page. A browser that keeps nothing is led on all the same."""
    views = [{"id": f"instar-{name}", "name": name, "query": query, "type": "user"} for name, query in VIEWS.items()]
    given = {
        "namespace": NAMESPACE,
        "edition": EDITION,
        "kept": KEPT,
        "columns": [{"label": str(label)} for label in COLUMNS],
        "views": views,
        "first": FIRST,
    }
    return f"const given = {json.dumps(given)};\n{_SCRIPT}"


_SCRIPT = """
function change(name, how) {
  const kept = JSON.parse(localStorage.getItem(name) || "{}");
  const before = kept[given.namespace] || [];
  const after = how(before);
  if (after !== before) localStorage.setItem(name, JSON.stringify({ ...kept, [given.namespace]: after }));
}

try {
  const edition = Number(localStorage.getItem("instar-views") || 0);
  if (edition < given.edition) {
    change(given.kept.columns, (chosen) => (chosen.length ? chosen : given.columns));
    change(given.kept.views, (saved) => {
      const there = new Set(saved.map((view) => view.id));
      return [...saved, ...given.views.filter((view) => !there.has(view.id))];
    });
    localStorage.setItem("instar-views", String(given.edition));
  }
} catch (error) {
  console.warn("Instar's views are not kept in this browser:", error);
}
location.replace(given.first);
"""
