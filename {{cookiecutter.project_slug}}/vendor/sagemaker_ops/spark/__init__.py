"""Spark jobs on this machine: what replaces the programs of AWS's Spark image and of EMR Serverless."""
