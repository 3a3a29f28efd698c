import pytest
import torch
from torch import Tensor

from midmix.kernels.adamw import adamw_numba_, adamw_reference_, adamw_step, is_supported

BETAS, EPS = (0.9, 0.99), 1e-8
RATES, DECAYS, SCALES = (0.1, 0.003), (0.2, 0.0), (1.0, 0.25)


def _rows(seed: int, models: int = 2, columns: int = 6, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(models, columns, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def _corrections(step: int) -> Tensor:
    return 1 - torch.tensor(BETAS, dtype=torch.float64) ** step


def _hyper(dtype: torch.dtype) -> list[Tensor]:
    return [torch.tensor(row, dtype=dtype) for row in (RATES, DECAYS, SCALES)]


def test_each_model_steps_like_torch_with_its_own_rate_decay_and_clip() -> None:
    values, mean, square = _rows(0), torch.zeros(2, 6, dtype=torch.float64), torch.zeros(2, 6, dtype=torch.float64)
    peers = [row.clone().requires_grad_() for row in values]
    optimizers = [
        torch.optim.AdamW([peer], lr=RATES[m], weight_decay=DECAYS[m], betas=BETAS, eps=EPS)
        for m, peer in enumerate(peers)
    ]
    alive = torch.ones(2, dtype=torch.bool)
    for step in range(1, 6):
        gradients = _rows(step)
        for m, (peer, optimizer) in enumerate(zip(peers, optimizers, strict=True)):
            peer.grad = gradients[m] * SCALES[m]
            optimizer.step()
        adamw_step(values, mean, square, gradients, *_hyper(torch.float64), alive, _corrections(step), 6, *BETAS, EPS)
    torch.testing.assert_close(values, torch.stack(peers).detach(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
def test_a_dead_row_keeps_its_values_and_its_neighbour_its_bits(bad: float) -> None:
    alive, one_dead = torch.ones(2, dtype=torch.bool), torch.tensor([True, False])
    clean, dirty = ([_rows(0), torch.zeros(2, 6).double(), torch.zeros(2, 6).double()] for _ in range(2))
    gradients = _rows(1)
    adamw_step(*clean, gradients.clone(), *_hyper(torch.float64), alive, _corrections(1), 6, *BETAS, EPS)
    gradients[1, 2] = bad
    adamw_step(*dirty, gradients, *_hyper(torch.float64), one_dead, _corrections(1), 6, *BETAS, EPS)
    for one, other in zip(clean, dirty, strict=True):
        assert torch.equal(one[0], other[0])
        assert other.isfinite().all()
    assert torch.equal(dirty[0][1], _rows(0)[1])


def test_decay_stops_where_it_is_told_to_and_the_shadow_follows() -> None:
    values, zeros = torch.ones(1, 4), torch.zeros(1, 4)
    shadow = torch.zeros(1, 4, dtype=torch.bfloat16)
    hyper = [torch.tensor([value]) for value in (0.5, 0.5, 1.0)]
    alive = torch.tensor([True])
    adamw_step(
        values, zeros.clone(), zeros.clone(), zeros.clone(), *hyper, alive, _corrections(1), 3, *BETAS, EPS, shadow
    )
    assert values.tolist() == [[0.75, 0.75, 0.75, 1.0]]
    assert shadow.tolist() == values.tolist()


@pytest.mark.parametrize("shadow", [None, torch.zeros(2, 6, dtype=torch.bfloat16)])
def test_the_operator_is_what_it_tells_the_compiler(shadow: Tensor | None) -> None:
    state = [_rows(seed, dtype=torch.float32).abs() for seed in range(4)]
    alive = torch.ones(2, dtype=torch.bool)
    torch.library.opcheck(adamw_step, (*state, *_hyper(torch.float32), alive, _corrections(1), 6, *BETAS, EPS, shadow))


def test_the_triton_form_is_for_cuda_alone() -> None:
    assert not is_supported(*(torch.zeros(2, 6) for _ in range(4)))


def test_the_native_form_equals_torch_to_the_rounding_of_fp32() -> None:
    def state(dtype: torch.dtype) -> list[Tensor]:
        return [_rows(0, 3, 37, dtype), *(torch.zeros(3, 37, dtype=dtype) for _ in range(2))]

    exact, native = state(torch.float64), state(torch.float32)
    exact[0].copy_(native[0])
    alive = torch.tensor([True, False, True])
    for step in range(1, 6):
        gradients = _rows(step, 3, 37, torch.float32)
        for values, form in ((exact, adamw_reference_), (native, adamw_numba_)):
            hyper = [
                torch.tensor(row, dtype=values[0].dtype)
                for row in ((0.1, 0.003, 0.01), (0.2, 0.0, 0.1), (1.0, 0.25, 0.5))
            ]
            form(*values, gradients.to(values[0].dtype), *hyper, alive, _corrections(step), 30, *BETAS, EPS, None)
    torch.testing.assert_close(native[0].double(), exact[0], rtol=2e-6, atol=1e-7)
