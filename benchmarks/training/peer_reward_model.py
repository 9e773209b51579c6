"""TRL's reward model on the same preferences: a GPT-2 of two layers, eight tokens, trained by its ``RewardTrainer``."""

from __future__ import annotations

import os
import tempfile

import torch
from torch import Tensor

from workloads.reinforcement.preferences.language import ALPHABET, LENGTH
from workloads.reinforcement.preferences.reward_model import Pairs

_PAD, _END = ALPHABET, ALPHABET + 1


def accuracy_of_trl(pairs: Pairs, unseen: Pairs, seed: int) -> float:
    """Return the share of ``unseen`` that the model orders as they are, after two epochs over ``pairs``."""
    os.environ |= {"HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "TRANSFORMERS_VERBOSITY": "error"}  # read at import
    from datasets import Dataset
    from datasets.utils.logging import disable_progress_bar
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from transformers import GPT2Config, GPT2ForSequenceClassification, PreTrainedTokenizerFast, PrinterCallback
    from trl import RewardConfig, RewardTrainer

    disable_progress_bar()
    words = {**{str(token): token for token in range(ALPHABET)}, "<pad>": _PAD, "<end>": _END}
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(WordLevel(words, unk_token="<pad>")), pad_token="<pad>", eos_token="<end>"
    )
    torch.manual_seed(seed)
    model = GPT2ForSequenceClassification(
        GPT2Config(vocab_size=len(words), n_positions=2 * LENGTH, n_embd=64, n_layer=2, n_head=2, num_labels=1, pad_token_id=_PAD)
    )
    data = Dataset.from_dict({"chosen_ids": pairs.better.tolist(), "rejected_ids": pairs.worse.tolist()})
    with tempfile.TemporaryDirectory() as folder:
        settings = RewardConfig(
            folder, num_train_epochs=2, per_device_train_batch_size=64, learning_rate=3e-3, seed=seed, use_cpu=True, bf16=False,
            report_to="none", save_strategy="no", logging_strategy="no", disable_tqdm=True,
        )  # fmt: skip
        trainer = RewardTrainer(model, settings, train_dataset=data, processing_class=tokenizer)
        trainer.remove_callback(PrinterCallback)
        trainer.train()
    model.eval()

    def score(sentences: Tensor) -> Tensor:
        return model(input_ids=sentences, attention_mask=torch.ones_like(sentences)).logits[:, 0]

    with torch.no_grad():
        return float((score(unseen.better) > score(unseen.worse)).to(torch.float32).mean())
