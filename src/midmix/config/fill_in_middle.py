"""The section `fim`: how documents of code are rearranged so that a model learns to fill in their middle."""

from __future__ import annotations

from pydantic import Field, model_validator

from midmix.config.section import Section


class FillInMiddle(Section):
    """`rate` of the documents of code are rearranged, `spm_rate` of these as suffix, prefix, middle, the rest as prefix,
    suffix, middle. `prefix`, `middle` and `suffix` are the tokens that say so, such as `<fim_prefix>`.
    """

    rate: float = Field(gt=0, le=1)
    spm_rate: float = Field(default=0.5, ge=0, le=1)
    prefix: str
    middle: str
    suffix: str

    @model_validator(mode="after")
    def _three_tokens(self) -> FillInMiddle:
        if len({self.prefix, self.middle, self.suffix}) < 3:
            raise ValueError(
                f"prefix {self.prefix!r}, middle {self.middle!r} and suffix {self.suffix!r} must be three different tokens"
            )
        return self
