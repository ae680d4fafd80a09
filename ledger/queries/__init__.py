"""Reads of the write side, one module for each subject. They take no locks and write nothing."""
