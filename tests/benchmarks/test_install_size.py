"""How large an installation without extras is, and what makes it so."""

from importlib.metadata import distribution

from packaging.requirements import Requirement


def closure(name):
    """Return the names of everything that a distribution needs, itself included, extras left out."""
    found, todo = set(), [name]
    while todo:
        here = todo.pop().lower().replace("_", "-")
        if here in found:
            continue
        found.add(here)
        for line in distribution(here).requires or []:
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                todo.append(requirement.name)
    return found


def megabytes(name):
    files = [path.locate() for path in distribution(name).files or []]
    return sum(path.stat().st_size for path in files if path.is_file()) / 2**20


def test_the_core_takes_less_than_450_megabytes():
    sizes = {name: megabytes(name) for name in closure("adaptive-selector")}
    total = sum(sizes.values())
    print(f"\n  {len(sizes)} distributions, {total:.0f} MB")  # noqa: T201 - a benchmark prints its table
    for name, size in sorted(sizes.items(), key=lambda item: -item[1])[:10]:
        print(f"  {name:<24}{size:>8.1f} MB {size / total:>6.0%}")  # noqa: T201 - likewise
    assert "matplotlib" not in sizes
    assert total < 450
