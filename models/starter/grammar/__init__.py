"""What people say to a companion at home, in Chinese and English, as templates and word lists.

The ears learn to hear these sentences, the brain learns to answer them.
"""
