"""What exists for speed alone: each module stands in for something of Autobahn or Crossbar."""
