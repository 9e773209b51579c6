"""What is learned: records with labels, the model that fits them, and how they are spread over clients.

``task``        a task, and the one place that knows all of them
``measured``    digits and breast cancer, from scikit-learn (dependency group ``federation``)
``credit``      generated credit applications that drift, few of which default
``words``       the next word of this project's own prose
``partitions``  who has which records
"""
