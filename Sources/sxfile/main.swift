print("sxfile")
