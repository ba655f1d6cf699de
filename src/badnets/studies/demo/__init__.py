"""The demo: clean and backdoored networks of digits, of road signs, and of cats and dogs."""
