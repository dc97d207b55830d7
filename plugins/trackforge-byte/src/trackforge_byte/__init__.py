"""BYTE, SORT and OC-SORT: association methods for trackforge."""
