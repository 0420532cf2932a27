"""The functions of the template language that need nothing but their arguments, by what they are about."""
