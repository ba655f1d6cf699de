"""Audits of training sets, judged: poisoned ones, and clean ones."""
