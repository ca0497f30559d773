"""Nouns, space, time, policy and storage; imports nothing of ours."""
