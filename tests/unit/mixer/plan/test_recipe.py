"""Every recipe compiles and reproduces the figures that its file names."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from midmix.errors import ConfigError
from midmix.mixer.plan.recipe import compile_recipe, figures, read_recipe

RECIPES = ("deepseek-v3", "deepseekmath", "hunyuan-a13b", "mai-base-1", "nemotron3-ultra-long", "olmo2-7b", "olmo3-7b",
           "qwen3-long", "smollm3")  # fmt: skip


def test_every_recipe_of_a_plan_is_tried(repository: Path) -> None:
    found = [
        path.stem for path in (repository / "configs" / "recipes").glob("*.yaml") if "\nrecipe:" in path.read_text()
    ]
    assert sorted(found) == sorted(RECIPES)


@pytest.mark.parametrize("name", RECIPES)
def test_recipe_reproduces_what_was_published(repository: Path, name: str) -> None:
    recipe = read_recipe(repository / "configs" / "recipes" / f"{name}.yaml")
    assert recipe.recipe == name
    found = figures(compile_recipe(recipe))
    for fact in recipe.published:
        assert found[fact.field] == pytest.approx(fact.value, rel=fact.within, abs=1e-15), fact.field


def test_weights_that_do_not_sum_are_reported_or_refused(tmp_path: Path, repository: Path) -> None:
    values = yaml.safe_load((repository / "configs" / "recipes" / "olmo2-7b.yaml").read_text())
    values["stages"][0]["weights"]["dclm"] += 0.00555
    path = tmp_path / "r.yaml"
    path.write_text(yaml.safe_dump(values))
    assert figures(compile_recipe(read_recipe(path)))["anneal.weights_sum"] == pytest.approx(1.00565)
    values["stages"][0]["weights"]["dclm"] += 0.1
    path.write_text(yaml.safe_dump(values))
    with pytest.raises(ConfigError, match=r"shares sum to 1\.10565, expected 1"):
        compile_recipe(read_recipe(path))


def test_a_file_that_is_no_recipe_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    path.write_text("sources: {}\n")
    with pytest.raises(ConfigError, match="no valid recipe"):
        read_recipe(path)
