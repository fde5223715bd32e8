"""What explains a net: tables and checks, made from facts and never from runs of its own."""
