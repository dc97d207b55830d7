"""From footage to checked labels: label by a model, have people check, measure, choose, train, and again."""
