"""What the site of the documentation has besides its pages: parts that are made of the code."""
