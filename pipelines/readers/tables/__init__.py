"""What tables of any format share: headers, cells, positions written as people write them, times."""
