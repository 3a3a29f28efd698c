import torch

from midmix.proxy_train.optimizer import BETA1, BETA2, EPS, AdamW


def _gradients(step: int, models: int, size: int) -> torch.Tensor:
    return torch.randn(models, size, generator=torch.Generator().manual_seed(step), dtype=torch.float64)


def test_each_row_steps_like_torch_with_its_own_rate_and_clip() -> None:
    rates, clips = (0.1, 0.003), (1e9, 0.5)
    rows = _gradients(99, 2, 7)
    ours = AdamW(rows.clone(), decayed=5, weight_decay=0.1, clip_M=torch.tensor(clips))
    peers = []
    for m in range(2):
        values = rows[m].clone()
        decayed, free = values[:5].clone().requires_grad_(), values[5:].clone().requires_grad_()
        groups = [{"params": [decayed], "weight_decay": 0.1}, {"params": [free], "weight_decay": 0.0}]
        peers.append((decayed, free, torch.optim.AdamW(groups, lr=rates[m], betas=(BETA1, BETA2), eps=EPS)))
    for step in range(5):
        gradients = _gradients(step, 2, 7)
        ours.step(gradients.clone(), torch.tensor(rates, dtype=torch.float64))
        for m, (decayed, free, optimizer) in enumerate(peers):
            decayed.grad, free.grad = gradients[m, :5].clone(), gradients[m, 5:].clone()
            torch.nn.utils.clip_grad_norm_([decayed, free], clips[m])
            optimizer.step()
    for m, (decayed, free, _) in enumerate(peers):
        # clip_grad_norm_ divides by the norm plus 1e-6
        torch.testing.assert_close(ours.rows_MP[m], torch.cat([decayed, free]).detach(), rtol=1e-6, atol=1e-7)


def test_first_step_is_the_rate_in_the_direction_of_the_sign() -> None:
    optimizer = AdamW(torch.tensor([[1.0, 1.0]]), decayed=0, weight_decay=0.1, clip_M=torch.tensor([1e9]))
    optimizer.step(torch.tensor([[0.3, -4.0]]), torch.tensor([0.25]))
    torch.testing.assert_close(optimizer.rows_MP, torch.tensor([[0.75, 1.25]]))


def test_a_row_with_a_nan_is_frozen_and_the_others_stay_bitwise_the_same() -> None:
    clean, dirty = (AdamW(torch.ones(3, 4), decayed=4, weight_decay=0.1, clip_M=torch.ones(3)) for _ in range(2))
    rates = torch.full((3,), 0.01)
    for step in range(6):
        gradients = _gradients(step, 3, 4).float()
        clean.step(gradients.clone(), rates)
        if step == 2:
            gradients[1, 3] = torch.nan
            frozen = dirty.rows_MP[1].clone()
        dirty.step(gradients, rates)
    assert dirty.alive_M.tolist() == [True, False, True]
    assert torch.equal(dirty.rows_MP[[0, 2]], clean.rows_MP[[0, 2]])
    assert torch.equal(dirty.rows_MP[1], frozen)
    assert dirty.rows_MP.isfinite().all()


def test_norms_are_those_before_the_clip() -> None:
    optimizer = AdamW(torch.zeros(2, 2), decayed=0, weight_decay=0.0, clip_M=torch.ones(2))
    norms = optimizer.step(torch.tensor([[3.0, 4.0], [0.0, 0.0]]), torch.ones(2))
    assert norms.tolist() == [5.0, 0.0]
    assert optimizer.rows_MP[1].tolist() == [0.0, 0.0]
