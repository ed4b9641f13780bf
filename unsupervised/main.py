"""python main.py --config config.yaml --input <dir> --output <dir> --gpu <id> --mode train|inference [--restart]"""

from partpose.contract import main

if __name__ == "__main__":
    main()
