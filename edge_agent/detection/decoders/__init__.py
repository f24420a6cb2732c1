"""One file a family of models: from output tensors to boxes, labels and scores. No model is loaded here."""
