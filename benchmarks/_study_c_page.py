"""stub"""
def write_page(path, found):
    return path
