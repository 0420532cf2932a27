"""Which action, in ARM's words, a request needs, where, and who may."""

import pytest

from instar.domain.access import Grant, Role, allowed, is_within, need_of

GROUP = "/subscriptions/s/resourceGroups/g"
COMPUTE = f"{GROUP}/providers/Microsoft.Compute"
WEB = f"{COMPUTE}/virtualMachineScaleSets/web"
SETS = "Microsoft.Compute/virtualMachineScaleSets"
IMAGE = f"{COMPUTE}/galleries/shared/images/web"
FRONT = f"{GROUP}/providers/Microsoft.Network/loadBalancers/front"
MAIN = f"{GROUP}/providers/Microsoft.ServiceFabric/clusters/main"

ON_A_SET = (
    *("manualupgrade", "reimage", "reimageall", "delete", "start", "powerOff", "deallocate", "restart"),
    *("redeploy", "scaleOut", "extensionRollingUpgrade", "approveRollingUpgrade", "setOrchestrationServiceState"),
)
ON_AN_INSTANCE = ("reimage", "reimageall", "start", "powerOff", "deallocate", "restart", "redeploy", "runCommand")


@pytest.mark.parametrize("verb", ON_A_SET)
def test_what_is_asked_of_a_set_is_an_action_on_it(verb: str) -> None:
    need = need_of("POST", f"{WEB}/{verb}")
    assert (need.action, need.scope, need.role) == (f"{SETS}/{verb}/action", WEB, Role.CONTRIBUTOR)


@pytest.mark.parametrize("verb", ON_AN_INSTANCE)
def test_what_is_asked_of_an_instance_is_an_action_on_it(verb: str) -> None:
    need = need_of("POST", f"{WEB}/virtualMachines/7/{verb}")
    assert need.action == f"{SETS}/virtualMachines/{verb}/action"
    assert (need.scope, need.role) == (f"{WEB}/virtualMachines/7", Role.CONTRIBUTOR)


@pytest.mark.parametrize(
    ("method", "path", "action", "scope"),
    [
        ("POST", f"{WEB}/osRollingUpgrade", f"{SETS}/osRollingUpgrade/action", WEB),
        ("POST", f"{WEB}/rollingUpgrades/cancel", f"{SETS}/rollingUpgrades/action", f"{WEB}/rollingUpgrades/cancel"),
        ("PUT", f"{WEB}/extensions/a", f"{SETS}/extensions/write", f"{WEB}/extensions/a"),
        ("PATCH", f"{WEB}/lifecycleHookEvents/1", f"{SETS}/lifecycleHookEvents/write", f"{WEB}/lifecycleHookEvents/1"),
        (
            "DELETE",
            f"{WEB}/virtualMachines/7/extensions/a",
            f"{SETS}/virtualMachines/extensions/delete",
            f"{WEB}/virtualMachines/7/extensions/a",
        ),
        ("PUT", f"{WEB}/virtualMachines/7", f"{SETS}/virtualMachines/write", f"{WEB}/virtualMachines/7"),
        ("DELETE", f"{WEB}/virtualMachines/7", f"{SETS}/virtualMachines/delete", f"{WEB}/virtualMachines/7"),
        (
            "POST",
            f"{WEB}/instar/automaticOSUpgrades/quarantine/1.2/lift",
            f"{SETS}/instar/quarantine/lift/action",
            f"{WEB}/instar/automaticOSUpgrades/quarantine/1.2",
        ),
        (
            "PUT",
            f"{IMAGE}/versions/1.0.0",
            "Microsoft.Compute/galleries/images/versions/write",
            f"{IMAGE}/versions/1.0.0",
        ),
        ("PATCH", IMAGE, "Microsoft.Compute/galleries/images/write", IMAGE),
        ("DELETE", f"{COMPUTE}/galleries/shared", "Microsoft.Compute/galleries/delete", f"{COMPUTE}/galleries/shared"),
        ("PUT", FRONT, "Microsoft.Network/loadBalancers/write", FRONT),
        ("DELETE", MAIN, "Microsoft.ServiceFabric/clusters/delete", MAIN),
        ("PUT", f"/instar/simulated{IMAGE}/versions/1.0.0", "Instar/simulated/write", "/"),
        ("TRACE", WEB, f"{SETS}/action", WEB),
        ("PUT", f"{COMPUTE}/virtualMachineScaleSets", f"{SETS}/write", GROUP),
        (
            "DELETE",
            "/subscriptions/s/providers/Microsoft.Compute/locations/west/publishers",
            "Microsoft.Compute/locations/publishers/delete",
            "/",
        ),
    ],
)
def test_whatever_changes_something_needs_a_contributor_there(method: str, path: str, action: str, scope: str) -> None:
    need = need_of(method, path)
    assert (need.action, need.scope, need.role, need.within) == (action, scope, Role.CONTRIBUTOR, False)
    assert not allowed([Grant(Role.READER, "/")], need)
    assert allowed([Grant(Role.CONTRIBUTOR, "/")], need)


@pytest.mark.parametrize(
    ("path", "action"),
    [
        (f"{WEB}/instar/automaticOSUpgrades", f"{SETS}/instar/read"),
        (f"{WEB}/virtualMachines/7/instanceView", f"{SETS}/virtualMachines/instanceView/read"),
        (f"{IMAGE}/versions", "Microsoft.Compute/galleries/images/versions/read"),
        (f"{FRONT}/probes/web", "Microsoft.Network/loadBalancers/probes/read"),
        (MAIN, "Microsoft.ServiceFabric/clusters/read"),
    ],
)
def test_a_reader_of_the_group_may_look_and_one_of_another_group_may_not(path: str, action: str) -> None:
    need = need_of("GET", path)
    assert (need.action, need.role) == (action, Role.READER)
    assert allowed([Grant(Role.READER, GROUP)], need)
    assert not allowed([Grant(Role.OWNER, f"{GROUP}2")], need)


def test_of_a_region_images_and_operations_are_for_everybody_and_its_sets_are_not() -> None:
    here = "/subscriptions/s/providers/Microsoft.Compute/locations/westus2"
    in_a_group = [Grant(Role.READER, GROUP)]
    assert allowed(in_a_group, need_of("GET", f"{here}/publishers"))
    assert allowed(in_a_group, need_of("GET", f"{here}/operations/1"))
    assert not allowed(in_a_group, need_of("GET", f"{here}/virtualMachineScaleSets"))
    assert allowed([Grant(Role.READER, "/subscriptions/s")], need_of("GET", f"{here}/virtualMachineScaleSets"))


def test_a_role_at_a_gallery_is_none_at_the_sets_beside_it() -> None:
    at_the_gallery = [Grant(Role.CONTRIBUTOR, f"{COMPUTE}/galleries/shared")]
    assert allowed(at_the_gallery, need_of("PUT", f"{IMAGE}/versions/1.0.0"))
    assert not allowed(at_the_gallery, need_of("POST", f"{WEB}/restart"))


@pytest.mark.parametrize("name", ["providers", "Providers", "subscriptions", "resourceGroups", "locations"])
def test_a_name_that_is_a_word_of_paths_is_a_name(name: str) -> None:
    group = f"/subscriptions/{name}/resourceGroups/{name}"
    web = f"{group}/providers/Microsoft.Compute/virtualMachineScaleSets/{name}"
    assert need_of("PUT", web).scope == web
    assert need_of("PUT", web).action == f"{SETS}/write"
    assert need_of("GET", group).scope == group
    assert need_of("DELETE", group).scope == group
    assert not allowed([Grant(Role.READER, f"/subscriptions/{name}/resourceGroups/h")], need_of("GET", group))
    assert not allowed([Grant(Role.OWNER, "/subscriptions/other")], need_of("GET", f"/subscriptions/{name}/providers"))


def test_what_any_role_in_a_subscription_shows_is_a_short_list() -> None:
    at_a_set = [Grant(Role.READER, WEB)]
    for path in (
        "",
        "/locations",
        "/providers",
        "/providers/Microsoft.Compute",
        "/resourceGroups",
        "/resourceGroups/g",
    ):
        assert allowed(at_a_set, need_of("GET", f"/subscriptions/s{path}")), path
        assert not allowed([Grant(Role.OWNER, "/subscriptions/s2")], need_of("GET", f"/subscriptions/s{path}")), path
    for path in ("/resources", "/resourceGroups/g/resources", "/tagNames", "/providers/Microsoft.Compute/galleries"):
        assert not allowed(at_a_set, need_of("GET", f"/subscriptions/s{path}")), path
    assert not allowed([Grant(Role.OWNER, WEB)], need_of("DELETE", GROUP))


def test_platform_images_are_those_of_all_subscriptions_so_that_only_a_role_everywhere_changes_them() -> None:
    version = "/subscriptions/s/providers/Microsoft.Compute/locations/w/publishers/p/artifacttypes/vmimage/offers/o"
    for method in ("PUT", "DELETE"):
        need = need_of(method, f"{version}/skus/k/versions/1.0")
        assert not allowed([Grant(Role.OWNER, "/subscriptions/s")], need)
        assert not allowed([Grant(Role.READER, "/")], need)
        assert allowed([Grant(Role.CONTRIBUTOR, "/")], need)


def test_a_scope_is_no_prefix_of_letters() -> None:
    assert is_within(WEB, GROUP.upper())
    assert is_within(GROUP, "/")
    assert not is_within(f"{GROUP}2", GROUP)
    assert not is_within(GROUP, WEB)
    assert not is_within("/subscriptions/s2", "/subscriptions/s")


@pytest.mark.parametrize(("method", "path"), [("GET", "/instar/simulated/flight-record"), ("POST", "/subscriptions")])
def test_what_is_of_no_subscription_takes_a_role_everywhere(method: str, path: str) -> None:
    assert not allowed([Grant(Role.OWNER, "/subscriptions/s")], need_of(method, path))
    assert allowed([Grant(Role.CONTRIBUTOR, "/")], need_of(method, path))


def test_the_list_of_subscriptions_is_for_whoever_has_a_role() -> None:
    assert allowed([Grant(Role.READER, WEB)], need_of("GET", "/subscriptions"))
    assert allowed([Grant(Role.READER, WEB)], need_of("GET", "/tenants"))
    assert not allowed([], need_of("GET", "/subscriptions"))


@pytest.mark.parametrize(
    "path", ["/providers/Microsoft.Compute", "/providers/Microsoft.Compute/locations/west/operations/1"]
)
@pytest.mark.parametrize("method", ["PUT", "POST", "DELETE"])
def test_what_everybody_in_a_subscription_may_read_not_everybody_may_change(method: str, path: str) -> None:
    need = need_of(method, f"/subscriptions/s{path}")
    assert not allowed([Grant(Role.OWNER, WEB)], need)
    assert allowed([Grant(Role.CONTRIBUTOR, "/subscriptions/s")], need)


def test_the_words_of_a_path_have_no_case() -> None:
    assert need_of("GET", WEB.lower()).action == f"{SETS}/read".lower()
    assert need_of("PUT", WEB.upper()).scope == WEB.upper().replace("/PROVIDERS/", "/providers/")


def test_words_where_no_provider_stands_are_no_provider() -> None:
    tags = f"{GROUP}/tags/owner/of"
    assert need_of("PUT", tags).scope == f"{GROUP}/tags/owner"
    nested = "/subscriptions/s/providers/N/providers/x"
    assert (need_of("PUT", nested).action, need_of("PUT", nested).scope) == ("N/providers/write", nested)


def test_a_role_in_a_part_does_not_list_what_is_in_the_whole() -> None:
    of_group, of_set = Grant(Role.OWNER, GROUP), Grant(Role.OWNER, WEB)
    assert not allowed([of_group], need_of("GET", "/subscriptions/s/resources"))
    assert not allowed([of_set], need_of("GET", f"{GROUP}/resources"))
    assert allowed([of_group], need_of("GET", f"{GROUP}/resources"))
    assert allowed([of_set], need_of("GET", "/subscriptions/s/resourceGroups")), "the groups themselves are seen by all"


@pytest.mark.parametrize(
    ("path", "action", "scope"),
    [
        (f"{WEB}/skus", f"{SETS}/skus/read", WEB),
        (f"{WEB}/extensions", f"{SETS}/extensions/read", WEB),
        (f"{WEB}/lifecycleHookEvents", f"{SETS}/lifecycleHookEvents/read", WEB),
        ("/subscriptions/s/resources", "Microsoft.Resources/subscriptions/resources/read", "/subscriptions/s"),
        (f"{GROUP}/resources", "Microsoft.Resources/subscriptions/resourceGroups/resources/read", GROUP),
    ],
)
def test_a_list_is_read_at_what_it_is_a_list_of(path: str, action: str, scope: str) -> None:
    need = need_of("GET", path)
    assert (need.action, need.scope, need.role, need.within) == (action, scope, Role.READER, False)
