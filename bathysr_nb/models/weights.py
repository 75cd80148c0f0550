def load_weights(model, path):
    model.load_weights(path)
