"""What `dougong plugins new` writes: a working plugin of each kind and its test, alone or as a distribution."""
