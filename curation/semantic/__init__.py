"""Documents that mean the same: embeddings, k-means cells, and cosines within a cell (SemDeDup, Abbas et al. 2023)."""
