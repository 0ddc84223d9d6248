"""How often something happens, and what changes it: rates, differences, logistic regression."""
